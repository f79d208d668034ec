//! The whole help output, as users read it.

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_of_every_command() {
    let mut command = Cli::command().term_width(120);
    command.build();
    let mut help = command.render_long_help().to_string();
    for sub in command.get_subcommands_mut() {
        help.push_str("\n────────\n");
        help.push_str(&sub.render_long_help().to_string());
        for below in sub
            .get_subcommands_mut()
            .filter(|below| below.get_name() != "help")
        {
            help.push_str("\n────────\n");
            help.push_str(&below.render_long_help().to_string());
        }
    }
    insta::assert_snapshot!("help", help);
}
