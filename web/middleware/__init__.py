"""What happens to each request or response whatever it is about: headers, strict forms, compression, read-only
sessions."""
