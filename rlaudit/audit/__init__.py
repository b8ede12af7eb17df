"""What the commands that read a log do; each returns data and prints nothing."""
