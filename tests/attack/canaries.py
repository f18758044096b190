"""Passwords typed at prompts."""
