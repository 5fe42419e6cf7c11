CREATE SCHEMA "read_model";
--> statement-breakpoint
CREATE TABLE "read_model"."checkpoints" (
	"lane" smallint PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"sequence" bigint NOT NULL,
	"commit_id" text NOT NULL,
	"owner_epoch" bigint NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."command_results" (
	"command_id" uuid NOT NULL,
	"aggregate" text NOT NULL,
	"sequence" bigint NOT NULL,
	CONSTRAINT "command_results_pk" PRIMARY KEY("command_id","aggregate")
);
--> statement-breakpoint
CREATE TABLE "read_model"."conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"title" text,
	"description" text,
	"created_at" timestamp with time zone NOT NULL,
	"created_by" text NOT NULL,
	"member_count" integer NOT NULL,
	"message_count" integer NOT NULL,
	"last_deleted_ordinal" integer DEFAULT 0 NOT NULL,
	"last_message_at" timestamp with time zone,
	"version" integer NOT NULL,
	"sequence" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "read_model"."members" (
	"conversation_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"role" text NOT NULL,
	"joined_at" timestamp with time zone NOT NULL,
	"joined_sequence" bigint NOT NULL,
	"read_ordinal" integer NOT NULL,
	"left_sequence" bigint,
	"left_reason" text,
	CONSTRAINT "members_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "read_model"."messages" (
	"conversation_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"message_id" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"sender_id" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"body" text,
	"format" text NOT NULL,
	"reply_to" uuid,
	"metadata" json,
	"edited_at" timestamp with time zone,
	"edited_by" text,
	"edit_count" integer DEFAULT 0 NOT NULL,
	"deleted_at" timestamp with time zone,
	"deleted_by" text,
	"delete_reason" text,
	"version" integer NOT NULL,
	CONSTRAINT "messages_pk" PRIMARY KEY("conversation_id","ordinal")
);
--> statement-breakpoint
CREATE INDEX "members_active_by_user" ON "read_model"."members" USING btree ("user_id") WHERE "read_model"."members"."left_sequence" is null;--> statement-breakpoint
CREATE INDEX "members_left_by_user" ON "read_model"."members" USING btree ("user_id","left_sequence") WHERE "read_model"."members"."left_sequence" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "messages_by_id" ON "read_model"."messages" USING btree ("conversation_id","message_id");--> statement-breakpoint
CREATE INDEX "messages_deleted" ON "read_model"."messages" USING btree ("conversation_id","ordinal") WHERE "read_model"."messages"."deleted_at" is not null;