"""What is usual, what is not, what comes next, and where small things pile up."""
