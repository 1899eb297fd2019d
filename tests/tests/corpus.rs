//! Every input that fuzzing was given or ever found, through the same functions.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

#[test]
fn every_known_input_is_survived() -> Result<()> {
    for (name, target) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let mut n_inputs = 0;
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let input = fs::read(&path)?;
            eprintln!("{name}: {}", path.display());
            target(&input);
            n_inputs += 1;
        }
        ensure!(n_inputs > 0, "no inputs for {name}");
    }
    Ok(())
}
