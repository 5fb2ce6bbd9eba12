"""Tables as frameworks lay them out: user_roles on Supabase, memberships of Prisma."""

from typing import Any

import pytest

from localenv.database import Database
from support.journeys import Begin
from support.shapes import Names, Shape

SUPABASE = """
    CREATE SCHEMA auth;
    CREATE TABLE auth.users (id uuid PRIMARY KEY, email text UNIQUE);
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
        $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
    CREATE TYPE app_role AS ENUM ('admin', 'moderator', 'user', 'member', 'helper');
    CREATE TABLE public.user_roles (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
        role app_role NOT NULL,
        UNIQUE (user_id, role)
    );
    ALTER TABLE public.user_roles ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION public.has_role(_user_id uuid, _role app_role) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS
        $$ SELECT EXISTS (SELECT 1 FROM public.user_roles WHERE user_id = _user_id AND role = _role) $$;
    CREATE POLICY "Users can view their own roles" ON public.user_roles
        FOR SELECT USING (auth.uid() = user_id);
    CREATE POLICY "Admins can manage roles" ON public.user_roles
        FOR ALL USING (public.has_role(auth.uid(), 'admin'));
    CREATE TABLE public.papers (id int PRIMARY KEY, title text);
    ALTER TABLE public.papers ENABLE ROW LEVEL SECURITY;
    CREATE POLICY "Admins read" ON public.papers FOR SELECT USING (public.has_role(auth.uid(), 'admin'));
    INSERT INTO public.papers VALUES (1, 'one');
    INSERT INTO auth.users SELECT md5(n::text)::uuid, 'user' || n FROM generate_series(1, 12) AS n;
    INSERT INTO public.user_roles (user_id, role)
    SELECT md5(u::text)::uuid, r::app_role
    FROM generate_series(1, 12) AS u, unnest(ARRAY['admin', 'moderator', 'user', 'member'])
        WITH ORDINALITY AS roles (r, n)
    WHERE (u * 11) & (1 << n::int) > 0;
"""
USER_ROLES = Shape(
    sql=SUPABASE,
    table="user_roles",
    names=Names(previous_role="", seniority="", migrated_at=""),
    user="user_id",
    order=["helper", "member", "user", "moderator", "admin", "colleague"],
    mappings=[{"from": "user", "to": "member"}, {"from": "member", "to": "helper"}],
    spec={"unmappedRoles": "Keep"},
)
GOES_AWAY = [
    {"check": check, "reason": "released together with the roles", "expires": "2099-01-01T00:00:00Z"}
    for check in ("RowLevelSecurity", "TriggersAndDependencies")
]

MEMBERSHIP = Shape(
    sql="""
        CREATE TYPE "Role" AS ENUM ('MEMBER', 'ADMIN', 'OWNER');
        CREATE TABLE "User" ("id" text PRIMARY KEY, "createdAt" timestamp(3) NOT NULL DEFAULT now());
        CREATE TABLE "Team" ("id" text PRIMARY KEY, "name" text NOT NULL);
        CREATE TABLE "Membership" (
            "userId" text NOT NULL, "teamId" text NOT NULL, "role" "Role" NOT NULL DEFAULT 'MEMBER',
            "previousRole" "Role", "roleMigratedAt" timestamp(3), "no" int,
            CONSTRAINT "Membership_pkey" PRIMARY KEY ("userId", "teamId")
        );
        ALTER TABLE "Membership" ADD CONSTRAINT "Membership_userId_fkey" FOREIGN KEY ("userId")
            REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
        ALTER TABLE "Membership" ADD CONSTRAINT "Membership_teamId_fkey" FOREIGN KEY ("teamId")
            REFERENCES "Team" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
        INSERT INTO "User" SELECT 'u' || n FROM generate_series(1, 10) AS n;
        INSERT INTO "Team" SELECT 't' || n, 'Team ' || n FROM generate_series(1, 3) AS n;
        INSERT INTO "Membership" ("userId", "teamId", "role", "no")
        SELECT 'u' || 1 + n / 3, 't' || 1 + n % 3, (enum_range(NULL::"Role"))[1 + n % 2], n
        FROM generate_series(0, 29) AS n;
    """,
    table="Membership",
    names=Names("role", "previousRole", "", "roleMigratedAt"),
    row="no",
    mappings=[{"from": "MEMBER", "to": "ADMIN"}, {"from": "ADMIN", "to": "OWNER"}],
    order=["GUEST", "MEMBER", "ADMIN", "LEAD", "OWNER"],
    spec={"checks": {"waivers": [GOES_AWAY[1]]}},
)


class TestSupabase:
    def test_a_chain_of_roles(self, begin: Begin) -> None:
        begin(USER_ROLES).there_and_back()

    def test_roles_that_change_places(self, begin: Begin) -> None:
        swap = [{"from": "user", "to": "moderator"}, {"from": "moderator", "to": "user"}]
        begin(USER_ROLES.but(mappings=swap)).there_and_back()

    def test_roles_that_become_one(self, begin: Begin) -> None:
        mappings = [{"from": "user", "to": "member"}, {"from": "moderator", "to": "helper"}]
        shape = USER_ROLES.but(mappings=mappings, target={"onDuplicate": "Merge"})
        begin(shape).there_and_back()

    def test_a_role_that_the_type_lacks_and_bookkeeping(self, begin: Begin) -> None:
        shape = USER_ROLES.but(
            mappings=[{"from": "user", "to": "colleague", "seniority": "junior"}],
            names=Names(),
            spec={**USER_ROLES.spec, "schemaChanges": "AddMissing"},
        )
        begin(shape).there_and_back()

    def test_the_policies_speak_of_the_new_roles_at_once(self, begin: Begin, database: Database) -> None:
        journey = begin(USER_ROLES)
        asked = (
            "SELECT count(*) FILTER (WHERE has_role(id, 'member')),"
            " count(*) FILTER (WHERE has_role(id, 'helper')) FROM auth.users"
        )
        ((before, nobody),) = database.query(asked)
        assert nobody == 0
        journey.forward()
        ((_, helpers),) = database.query(asked)
        assert helpers == before
        journey.back()
        assert database.query(asked) == [(before, 0)]

    def test_policies_that_name_a_role_which_goes_away_need_a_waiver(self, begin: Begin) -> None:
        gone = [{"from": "admin", "to": "helper"}]
        refused = begin(USER_ROLES.but(mappings=gone))
        said = refused.refused()
        assert "RowLevelSecurity" in said
        assert "Admins can manage roles" in said
        spec: dict[str, Any] = {**USER_ROLES.spec, "checks": {"waivers": GOES_AWAY, "minimumScore": 80}}
        begin(USER_ROLES.but(mappings=gone, spec=spec), "with-a-waiver").there_and_back()


class TestPrisma:
    @pytest.mark.parametrize(
        "mappings",
        [
            MEMBERSHIP.mappings,
            [{"from": "MEMBER", "to": "ADMIN"}, {"from": "ADMIN", "to": "MEMBER"}],
            [{"from": "MEMBER", "to": "OWNER"}, {"from": "ADMIN", "to": "OWNER"}],
        ],
        ids=["a chain", "changing places", "becoming one"],
    )
    def test_memberships(self, begin: Begin, mappings: Any) -> None:
        begin(MEMBERSHIP.but(mappings=mappings)).there_and_back()

    def test_the_role_in_the_key(self, begin: Begin) -> None:
        statements = MEMBERSHIP.sql.replace('KEY ("userId", "teamId")', 'KEY ("userId", "teamId", "role")')
        shape = MEMBERSHIP.but(sql=statements, key=("userId", "teamId", ""))
        begin(shape).there_and_back()

    def test_a_role_that_the_type_lacks(self, begin: Begin) -> None:
        mappings = [{"from": "MEMBER", "to": "GUEST"}, {"from": "ADMIN", "to": "LEAD"}]
        spec = {**MEMBERSHIP.spec, "schemaChanges": "AddMissing"}
        begin(MEMBERSHIP.but(mappings=mappings, spec=spec)).there_and_back()
