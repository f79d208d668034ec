//! Decrypts every file named on the command line with rops, in one process, and prints how many worked.
//!
//! The peer of `cargo xtask bench decrypt`. Identities come from `ROPS_AGE`.

use std::process::ExitCode;

use rops::cryptography::cipher::AES256GCM;
use rops::cryptography::hasher::SHA512;
use rops::file::RopsFile;
use rops::file::format::YamlFileFormat;
use rops::file::state::EncryptedFile;

fn main() -> ExitCode {
    let mut opened = 0;
    for path in std::env::args().skip(1) {
        let result = std::fs::read_to_string(&path).map_err(|error| error.to_string()).and_then(|text| {
            let file: RopsFile<EncryptedFile<AES256GCM, SHA512>, YamlFileFormat> =
                text.parse().map_err(|error| format!("{error:?}"))?;
            let plain = file.decrypt::<YamlFileFormat>().map_err(|error| error.to_string())?;
            // Printing it is part of the work that is compared; the text itself goes nowhere.
            Ok(plain.to_string().len())
        });
        match result {
            Ok(length) if length > 0 => opened += 1,
            Ok(_) => eprintln!("{path}: empty"),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    println!("{opened}");
    if opened == std::env::args().len() - 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
