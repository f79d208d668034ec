//! A `sops` block in YAML, and metadata flattened as dotenv and INI have it.
#![no_main]

use afterbay_manifest::TreePath;
use afterbay_sops::{Format, SealedFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &str| {
    let indented = block.replace('\n', "\n  ");
    let yaml = format!("a: ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]\nsops:\n  mac: x\n  {indented}\n");
    let _ = SealedFile::detect(&TreePath::default(), yaml.as_bytes(), Format::Yaml);
    let flat: String = block.lines().map(|line| format!("sops_{line}\n")).collect();
    let dotenv = format!("a=ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]\n{flat}");
    let _ = SealedFile::detect(&TreePath::default(), dotenv.as_bytes(), Format::Dotenv);
    let ini = format!("[a]\nb = c\n[sops]\nmac = ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]\n{block}\n");
    let _ = SealedFile::detect(&TreePath::default(), ini.as_bytes(), Format::Ini);
});
