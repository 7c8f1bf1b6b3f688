"""The planner that needs no model: it reads questions by rules, in English and Vietnamese."""
