"""What is told to the world: changes of the table become events on the bus."""
