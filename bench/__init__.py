"""What the tool does against what a user would take instead, and against what engines and drivers can do at best."""
