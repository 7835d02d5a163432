"""Confirmation dialogs, pickers and the preview of what a decision would change."""
