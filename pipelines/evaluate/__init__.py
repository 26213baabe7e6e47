"""How right a policy is, on posts whose answer is known."""
