"""What people read: the student's feedback, and the class in a table or a file."""
