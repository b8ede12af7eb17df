"""``rlaudit reproduce``: the articles' experiments, as plans of many runs and what came of them."""
