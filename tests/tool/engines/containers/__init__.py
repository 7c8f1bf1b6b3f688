"""Tests of engines in containers; they need a Docker, and say so where none answers."""
