-- name: batch_shapes
-- title: What stands in the batch of each update: rows, distinct positions, distinct transitions
-- reads: raw.samples
-- slices: update_id

-- One row for each process that logged an update, with the rows that a resume made obsolete. Whatever
-- stands in a batch twice shows here, so that only those few batches are looked at row by row.
--
-- fingerprint is equal for batches of the same transitions at the same positions. Not
-- hash(transition_id, batch_index): it joins two hashes by xor, so that a transition falls out where
-- a batch holds it twice. Positions below 64 are counted as bits.
--
-- 2 s of CPU time on 12M samples, once; each check that counts by itself takes 1.5 s, with
-- count(DISTINCT) 2.5 s. Lists stay in memory, 50 bytes a draw, whatever the limit: hence slices.
SELECT
    run_id,
    segment_id,
    update_id,
    count(*) AS "rows",
    count(batch_index) AS placed,
    coalesce(
        bit_count(
            bit_or(1::UBIGINT << (batch_index & 63)::UBIGINT)
                FILTER (batch_index BETWEEN 0 AND 63)
        ),
        0
    )
        + coalesce(list_unique(list(batch_index) FILTER (batch_index NOT BETWEEN 0 AND 63)), 0)
        AS positions,
    count(transition_id) AS drawn,
    list_unique(list(transition_id)) AS transitions,
    bit_xor(hash(transition_id * 1000003 + batch_index)) AS fingerprint
FROM raw.samples
GROUP BY run_id, segment_id, update_id
