"""Results become something to look at: pictures, a report (matplotlib)."""
