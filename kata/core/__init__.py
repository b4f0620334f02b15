"""What every other part uses; it imports none of them."""
