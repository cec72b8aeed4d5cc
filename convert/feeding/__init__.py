"""What a model is fed: the inputs of users, values that make sense to the graph, shapes, batches and their rows."""
