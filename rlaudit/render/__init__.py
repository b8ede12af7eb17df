"""What people and programs see of the results; the only package that imports Rich."""
