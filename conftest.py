"""What all tests share. The suite's options and fixtures come from `tvmigrate.pytest_plugin`."""
