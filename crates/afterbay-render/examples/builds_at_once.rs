//! One directory, built by several threads of one process at the same time.
//!
//! ```text
//! cargo run --release -p afterbay-render --example builds_at_once -- 8 DIR 100
//! ```
//!
//! Each builds it that often, or once. Nothing is printed: `cargo xtask bench render` measures the process. Directories below
//! DIR are not read.

use std::error::Error;
use std::{env, fs, thread};

use afterbay_manifest::{FileTree, Object, Revision, TreePath, yaml};
use afterbay_render::{RenderErrors, render};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(count), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("write a number and a directory".into());
    };
    let times: u32 = arguments.next().map_or(Ok(1), |times| times.parse())?;
    let mut tree = FileTree::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let path = TreePath::parse(&entry.file_name().to_string_lossy())?;
            tree.insert_file(path, fs::read(entry.path())?, false);
        }
    }
    let build = || -> Result<usize, RenderErrors> {
        let mut bytes = 0;
        for _ in 0..times {
            let set = render(&tree, &TreePath::root(), Revision::UNKNOWN)?;
            bytes += yaml::emit_sorted(set.objects.iter().map(Object::body)).len();
        }
        Ok(bytes)
    };
    thread::scope(|scope| {
        let builds: Vec<_> = (0..count.parse()?).map(|_| scope.spawn(build)).collect();
        for result in builds {
            result.join().map_err(|_| "a build ended early")??;
        }
        Ok(())
    })
}
