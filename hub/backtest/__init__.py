"""What rules would have done: stored records through the live engine, compared and tuned."""
