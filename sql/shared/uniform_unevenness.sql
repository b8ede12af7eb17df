-- name: uniform_unevenness
-- title: Chi-square of uniform draws over 17 equal parts of the buffer, by slot and by age
-- reads: samples, updates, runs
-- needs: uniform_bins

-- One row for each kind of place in a run with 1,000 draws or more. chance is the exact tail of
-- chi-square on 16 degrees of freedom; worst counts the parts from 1.
WITH summed AS (
    SELECT
        run_id,
        kind,
        sum(observed)::BIGINT AS draws,
        sum(pow(observed - expected, 2) / expected) AS chi_square,
        arg_max(bin + 1, pow(observed - expected, 2) / expected) AS worst,
        arg_max(observed, pow(observed - expected, 2) / expected)::BIGINT AS observed,
        arg_max(expected, pow(observed - expected, 2) / expected) AS expected
    FROM shared.uniform_bins
    WHERE bin < 17 AND expected > 0
    GROUP BY run_id, kind
    HAVING sum(observed) >= 1000 AND count(*) = 17
)
SELECT
    *,
    exp(-chi_square / 2)
        * list_sum([pow(chi_square / 2, j) / gamma(j + 1) FOR j IN range(8)]) AS chance
FROM summed
