"""What is in the wheel, and whether it works far from the checkout."""
