use contract::limits;

/// How many of `rows`, at least one and at most `limit`, make a page that Lambda can return; `bytes` gives how many
/// each takes at most, as JSON.
pub(crate) fn fitting<T>(rows: &[T], limit: usize, bytes: impl Fn(&T) -> usize) -> usize {
    let mut sum = 0;
    let fits = rows.iter().take(limit).take_while(|row| {
        sum += bytes(row);
        sum <= limits::PAGE_BYTES
    });
    fits.count().max(1).min(rows.len())
}
