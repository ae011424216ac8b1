"""``push``: a site to a host, by git."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from edge_deploy.api.keywords import PushKeywords
from edge_deploy.api.options import PushOptions
from edge_deploy.core.errors import unknown_option
from edge_deploy.core.options import as_path, given, takes
from edge_deploy.web import git as git_client
from edge_deploy.web import hosting
from edge_deploy.web.git_push import Place, PushResult, check_branch, check_lfs
from edge_deploy.web.git_push import push as push_site


@takes(PushOptions)
def push(
    site: Path | str,
    git: str,
    options: PushOptions | None = None,
    **keywords: Unpack[PushKeywords],
) -> PushResult:
    """Push a site to a branch of its own, as one commit on top of what is there.

    The user's own git does it, with its credentials; neither files nor index nor branches of a
    repository on this machine are touched. Files that are there already are not sent again.

    Args:
        site: A site that ``build_demo`` or ``publish`` wrote.
        git: The name of a remote of the current folder's repository, an address, or a path.
        options: The branch, and how.
        **keywords: Fields of ``PushOptions`` by name, which win over ``options``.

    Raises:
        UsageError: It is no site, the address is none, or the branch has moved.
        MissingDependencyError: There is no git.
        EdgeDeployError: git cannot reach or write the branch.
    """
    options = given(PushOptions, options, keywords, "push")
    folder = as_path(site, "site")
    if options.host is not None and options.host not in hosting.GIT_HOSTS:
        raise unknown_option("host", options.host, hosting.GIT_HOSTS, "host")
    git_client.check()
    url = git_client.resolve(git, Path.cwd())
    host = options.host or hosting.of_address(url)
    usual = hosting.GIT_HOSTS[host or "github-pages"].branch
    place = Place(url, options.branch or usual, host)
    check_branch(place.branch)
    lfs = options.lfs or host == "hf-space"
    if lfs:
        check_lfs(place)
    return push_site(folder, place, lfs, options.dry_run, options.force)
