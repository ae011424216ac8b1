"""The search for the smallest files within an accuracy budget."""
