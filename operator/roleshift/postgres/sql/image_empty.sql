-- Takes everything out of an image, where what becomes of a row depends on others. Only the run uses the image.
DELETE FROM {image}
