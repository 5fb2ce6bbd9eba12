-- Whether a row of the target stands under the new key of a row of the image, and none of the image is back in it:
-- it is that one's then, whatever else has its key. Part of a larger statement; two look-ups in the image.
(
    EXISTS (SELECT FROM {image} AS i WHERE {join} AND {written} AND i.role::text <> i.to_role::text)
    AND NOT {is_back}
)
