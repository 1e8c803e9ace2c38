//! Tables of an image, read when they are needed and kept in few pages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::mapped::lock;
use crate::read::{Fields, ReadAt, Unreadable, size};

/// Bytes read at once.
const PAGE: u64 = 16 << 10;
/// Pages that are kept: 2 MiB.
const PAGES: usize = 128;

/// A page: the file, the number of the page in it, its bytes.
type Page = (usize, u64, Arc<[u8]>);

/// The tables in the files of an image. Their stated sizes take no memory.
pub(super) struct Tables {
    files: Vec<Arc<dyn ReadAt>>,
    pages: Mutex<VecDeque<Page>>,
}

impl Tables {
    /// Tables in those files.
    pub(super) const fn new(files: Vec<Arc<dyn ReadAt>>) -> Self {
        Self { files, pages: Mutex::new(VecDeque::new()) }
    }

    /// `N` bytes at `offset` of the file of that index.
    pub(super) fn array<const N: usize>(&self, file: usize, offset: u64) -> Result<[u8; N], Unreadable> {
        let cut = || Unreadable::new(offset, size(N), "the image file ends before its table does");
        let source = self.files.get(file).ok_or_else(cut)?;
        let number = offset.checked_div(PAGE).unwrap_or(0);
        let within = usize::try_from(offset.checked_rem(PAGE).unwrap_or(0)).unwrap_or(0);
        if size(within).saturating_add(size(N)) <= PAGE
            && let Some(page) = self.page(source.as_ref(), file, number)
        {
            return Fields(&page).array(within).ok_or_else(cut);
        }
        let mut bytes = [0; N];
        source.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// That page, shorter at the end of the file; none when it cannot be read as a whole.
    fn page(&self, source: &dyn ReadAt, file: usize, number: u64) -> Option<Arc<[u8]>> {
        let known = lock(&self.pages)
            .iter()
            .rev()
            .find(|page| (page.0, page.1) == (file, number))
            .map(|page| Arc::clone(&page.2));
        if known.is_some() {
            return known;
        }
        let start = number.saturating_mul(PAGE);
        let length = usize::try_from(source.size().saturating_sub(start).min(PAGE)).ok()?;
        let page: Arc<[u8]> = source.read_vec(start, length).ok()?.into();
        let mut pages = lock(&self.pages);
        pages.push_back((file, number, Arc::clone(&page)));
        if pages.len() > PAGES {
            pages.pop_front();
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn entries_are_the_bytes_of_the_file_also_across_pages_and_not_past_its_end() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| (at / 3) as u8).collect();
        let tables = Tables::new(vec![Arc::new(Memory(bytes.clone()))]);
        for at in [0, 5, 16_380, 16_384, 32_766, 99_992, 4] {
            assert_eq!(tables.array::<8>(0, at as u64).unwrap(), bytes[at..at + 8]);
        }
        assert!(tables.array::<8>(0, 99_993).is_err() && tables.array::<1>(1, 0).is_err());
    }
}
