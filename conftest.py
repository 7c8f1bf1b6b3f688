"""What all tests share: the Hypothesis profile. The suite's fixtures come from `tvmigrate.pytest_plugin`."""

import os

from tests.profiles import register

pytest_plugins = ("pytester",)  # for the tests of our own plugin

if os.environ.get("CI"):
    os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
register()
