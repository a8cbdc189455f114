"""Who is asking, and what each post may do."""
