-- Whether the columns that the run filled were empty before in every row of the image. ACCESS SHARE; one scan at most.
SELECT NOT EXISTS (SELECT FROM {image} AS i WHERE {filled}) AS were_empty
