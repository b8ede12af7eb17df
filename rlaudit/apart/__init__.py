"""A process of our own that runs a user's SQL: it can be ended, whatever the SQL does to it."""
