//! Whole images: of another project, and made here; compared with The Sleuth Kit, then damaged.

mod damage;
mod hidden;
mod honest;
mod image;
mod pack;
mod remains;
mod samples;
mod tree;

use super::HfsPlus;
