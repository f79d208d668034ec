//! A text as objects that get other names: references between them are followed, whatever shape they have.

use crate::kustomization::build;
use crate::seed::files;

/// A byte that selects, and the objects.
pub fn run(data: &[u8]) {
    let Some((selector, objects)) = data.split_first() else {
        return;
    };
    let kustomization = match selector % 4 {
        0 => "namePrefix: p-\n",
        1 => "nameSuffix: -s\nnamespace: other\n",
        2 => {
            "namePrefix: p-\nconfigMapGenerator: [{name: settings, literals: [a=b]}]\nsecretGenerator: [{name: login, literals: [c=d]}]\n"
        }
        _ => {
            "namespace: other\npatches: [{target: {name: web}, patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"renamed\"}]', options: {allowNameChange: true}}]\n"
        }
    };
    let text = format!("resources: [objects.yaml]\n{kustomization}");
    build("objects.yaml", objects, &[("kustomization.yaml", &text)]);
}

/// Objects on record, which refer to each other.
pub fn seeds() -> Vec<Vec<u8>> {
    let objects = files("fixtures/render")
        .into_iter()
        .filter(|text| text.starts_with(b"apiVersion: "));
    objects
        .enumerate()
        .map(|(index, text)| [&[u8::try_from(index % 4).unwrap_or(0)], text.as_slice()].concat())
        .collect()
}
