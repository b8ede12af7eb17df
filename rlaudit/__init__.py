"""rlaudit: is my replay doing what I think it does?"""

__version__ = "0.1.0.dev0"
