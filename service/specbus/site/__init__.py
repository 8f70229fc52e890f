"""The pages for people: what is where, both references, and the console. They learn all from the documents."""
