"""Contracts to hold own implementations to: one test class for each interface."""
