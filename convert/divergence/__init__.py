"""Where two models part: tensors inside them, paired and followed from the inputs on."""
