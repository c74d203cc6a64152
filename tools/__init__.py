"""Writers of generated documents (`make docs`) and the check of their wording (`make tone`)."""
