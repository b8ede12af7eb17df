"""Replay: what is stored, how it is drawn, and what it weighs (NumPy only).

``Replay`` joins the parts: a store of observations (``frames``), n-step windows (``nstep``),
priorities (``sumtree``), draws (``sampling``) and weights (``weights``). Nothing here knows of
networks, environments or logs; every number that a log needs is returned to the caller.
"""
