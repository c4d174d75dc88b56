use contract::limits;

/// Returns how many of `rows` fit into one page: at most `limit` rows with together at most [`limits::PAGE_BYTES`]
/// bytes of JSON, but at least one row if there is any. `max_json_bytes` returns an upper bound of one row's size as
/// JSON.
pub(crate) fn page_len<T>(rows: &[T], limit: usize, max_json_bytes: impl Fn(&T) -> usize) -> usize {
    let mut sum = 0;
    let fitting = rows.iter().take(limit).take_while(|row| {
        sum += max_json_bytes(row);
        sum <= limits::PAGE_BYTES
    });
    fitting.count().max(1).min(rows.len())
}
