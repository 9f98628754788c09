"""The closed set of primitives: what each means, its derivative, its batching. How one is run is the engines' business."""
