//! Whole images: of another project, and made here.

mod samples;

use super::HfsPlus;
