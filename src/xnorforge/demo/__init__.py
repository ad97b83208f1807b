"""What an accelerator finds in a user's own pictures and videos."""
