-- The before-image of the rows that will change, with what they become. ACCESS SHARE on the target; one scan,
-- one write of the image. `row_version` is the row's xmin at that moment.
CREATE TABLE {image} AS
SELECT {columns}
FROM {source}{moved}
