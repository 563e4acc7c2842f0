#![doc = include_str!("../docs/guide.md")]

pub mod development {
    #![doc = include_str!("../docs/development.md")]
}

pub mod scripts {
    #![doc = include_str!("../docs/scripts.md")]
}

pub mod backfills {
    #![doc = include_str!("../docs/backfills.md")]
}

pub mod rust_migrations {
    #![doc = include_str!("../docs/rust-migrations.md")]
}

pub mod runs {
    #![doc = include_str!("../docs/runs.md")]
}

pub mod branches {
    #![doc = include_str!("../docs/branches.md")]
}

pub mod production {
    #![doc = include_str!("../docs/production.md")]
}

pub mod assertions {
    #![doc = include_str!("../docs/assertions.md")]
}

pub mod testing {
    #![doc = include_str!("../docs/testing.md")]
}

pub mod sets {
    #![doc = include_str!("../docs/sets.md")]
}

pub mod poolers {
    #![doc = include_str!("../docs/poolers.md")]
}

pub mod moving_in {
    #![doc = include_str!("../docs/moving-in.md")]

    pub mod dbmate {
        #![doc = include_str!("../docs/coming-from-dbmate.md")]
    }

    pub mod diesel {
        #![doc = include_str!("../docs/coming-from-diesel.md")]
    }

    pub mod flyway {
        #![doc = include_str!("../docs/coming-from-flyway.md")]
    }

    pub mod golang_migrate {
        #![doc = include_str!("../docs/coming-from-golang-migrate.md")]
    }

    pub mod goose {
        #![doc = include_str!("../docs/coming-from-goose.md")]
    }

    pub mod prisma {
        #![doc = include_str!("../docs/coming-from-prisma.md")]
    }

    pub mod prisma_dev {
        #![doc = include_str!("../docs/coming-from-prisma-dev.md")]
    }

    pub mod refinery {
        #![doc = include_str!("../docs/coming-from-refinery.md")]
    }

    pub mod sqlx {
        #![doc = include_str!("../docs/coming-from-sqlx.md")]
    }

    pub mod tern {
        #![doc = include_str!("../docs/coming-from-tern.md")]
    }
}

pub mod operating {
    #![doc = include_str!("../docs/operating.md")]

    pub mod runbook {
        #![doc = include_str!("../docs/runbook.md")]
    }

    pub mod runbook_drift {
        #![doc = include_str!("../docs/runbook-drift.md")]
    }

    pub mod command_line {
        #![doc = include_str!("../docs/cli.md")]
    }
}

pub mod observability {
    #![doc = include_str!("../docs/observability.md")]
}

pub mod history {
    #![doc = include_str!("../docs/history.md")]
}

pub mod errors {
    #![doc = include_str!("../docs/errors.md")]
}

pub mod rules {
    #![doc = include_str!("../docs/rules.md")]
}

pub mod scorecard {
    #![doc = include_str!("../docs/scorecard.md")]
}

pub mod refusals {
    #![doc = include_str!("../docs/refusals.md")]
}

pub mod guarantees {
    #![doc = include_str!("../docs/guarantees.md")]
}

pub mod performance {
    #![doc = include_str!("../docs/performance.md")]
}
