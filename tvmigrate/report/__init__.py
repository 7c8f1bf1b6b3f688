"""What a run looked like, for a person (console), for a program (JSON) and for a build server (JUnit)."""
