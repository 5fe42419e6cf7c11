-- A new read model is made by these same statements under another name: what is not part of it may be there already.
CREATE SCHEMA IF NOT EXISTS "parley_operators";
--> statement-breakpoint
CREATE TABLE "read_model"."dead_letters" (
	"key" text NOT NULL,
	"sequence" bigint NOT NULL,
	"subject" text NOT NULL,
	"commit_id" text NOT NULL,
	"reason" text,
	"attempts" integer NOT NULL,
	"parked_at" timestamp with time zone NOT NULL,
	"retry_at" timestamp with time zone,
	CONSTRAINT "dead_letters_pk" PRIMARY KEY("key","sequence")
);
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "parley_operators"."skipped_commits" (
	"epoch" text NOT NULL,
	"key" text NOT NULL,
	"sequence" bigint NOT NULL,
	"subject" text NOT NULL,
	"commit_id" text NOT NULL,
	"reason" text NOT NULL,
	"skipped_by" text NOT NULL,
	"skipped_at" timestamp with time zone NOT NULL,
	CONSTRAINT "skipped_commits_pk" PRIMARY KEY("epoch","key","sequence")
);
